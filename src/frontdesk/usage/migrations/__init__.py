"""The app's migrations, numbered without branches."""
