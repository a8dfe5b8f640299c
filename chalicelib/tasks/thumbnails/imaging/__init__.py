"""Makes thumbnails, in a process apart. Nothing here imports more than Pillow and Python's own.

That process knows this package as `imaging`, without the packages around it, which would take
it longer to import than Pillow does. So imports in here are relative.
"""
