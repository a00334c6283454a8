"""The catalogue: archives, tables of listings and images, filtering, sampling."""
