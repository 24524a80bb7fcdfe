"""What proves or refutes a package, and the witness; imports none of ours."""
