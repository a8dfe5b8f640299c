"""The checks of `make doctor`: pure functions, one a check. What they take, by name, is what
ops/doctor/observed reads."""
