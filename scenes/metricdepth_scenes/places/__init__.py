"""Whole places, indoors and outdoors: what they are made of, what stands there, and where cameras stand."""
