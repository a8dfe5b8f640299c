"""AWS, one file an edge. Each implements a port and turns AWS's failures into `Unavailable`."""
