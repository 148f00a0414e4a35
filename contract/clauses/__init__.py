"""The tests of the clauses; the name of a test begins with the clause that it shows."""
