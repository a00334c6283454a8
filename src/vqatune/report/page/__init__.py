"""The report page: one HTML file with its data, images and scripts."""
