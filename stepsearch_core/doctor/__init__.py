"""What is wrong on a machine, and what to type (`stepsearch doctor`); what works on it (`selftest`)."""
