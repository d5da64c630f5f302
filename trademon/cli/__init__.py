"""One file a command: options to a flow to a rendering."""
