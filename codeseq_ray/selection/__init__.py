"""Which sequences are worked on: rules, families, and the plan that says it for every input id."""
