"""What the use cases ask for, a sentence of contract each; aws/, memory/ and others fill it.

Every call may raise `Unavailable`: then it is unknown whether a write happened.
"""
