"""Container images of the lab: one layer each, made from built programs, under the names that upstream gives them."""
