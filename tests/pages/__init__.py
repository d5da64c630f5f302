"""The pages people read: that they lead somewhere, and that what they tell to do works."""
