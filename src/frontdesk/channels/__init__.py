"""The doors customers come through: the chat widget of a website, and the demo page that shows it."""
