"""The trading page.

routes.py   serves it
static/     its files
"""
