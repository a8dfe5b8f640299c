"""The checks of `make doctor`, each a pure function. Its parameters name values that
ops/doctor/observed reads."""
