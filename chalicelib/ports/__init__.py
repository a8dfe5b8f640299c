"""The interfaces that the use cases call, each with its contract; aws/, memory/ and others
implement them.

Every call may raise `Unavailable`: then it is unknown whether a write happened.
"""
