"""What is wrong on a machine and in a checkout, and what to type: `stepsearch doctor`."""
