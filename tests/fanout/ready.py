"""Imported by the process of which each worker is a fork: what takes a worker time to start."""

from chalicelib import wiring
from tests.fanout import roles

clients = [wiring.client(service) for service in roles.SERVICES]
