"""AWS adapters. Each file implements a port and turns AWS's failures into `Unavailable`."""
