"""Screens as tables: sample sheets, platemaps, wells, treatments."""
