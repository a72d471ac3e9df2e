"""Prices of models over time: what held when (`book`), imports that can be reviewed, overrides of the operator."""
