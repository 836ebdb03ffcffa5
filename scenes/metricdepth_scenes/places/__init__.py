"""Whole places, indoors and outdoors: surfaces, furnishing and camera positions."""
