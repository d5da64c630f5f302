"""The pure core: values and rules."""
