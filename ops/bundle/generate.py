"""Has Chalice generate its part of the bundle: python -m ops.bundle.generate STAGE FOLDER

In a process of its own: app.py is imported, with the environment that this process has.
"""

from __future__ import annotations

import os
import sys

from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration

from chalicelib.settings import SettingsError
from ops.cli.stage import ROOT

NO_ROLE = "ops/template/compose.py makes the roles"


def main(stage: str, folder: str) -> None:
    """Writes sam.json and deployment.zip."""
    factory = CLIFactory(str(ROOT), environ=os.environ)
    # not Chalice's roles: it would ask for a policy file that every stage and function shares
    ours = {"manage_iam_role": False, "iam_role_arn": NO_ROLE}
    config = factory.create_config_obj(stage, user_provided_params=ours)
    validate_configuration(config)
    options = factory.create_package_options()
    packager = factory.create_app_packager(config, options, "cloudformation", "json")
    packager.package_app(config, folder, stage)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SettingsError as error:  # a sentence already; a traceback would only hide it
        sys.exit(str(error))
