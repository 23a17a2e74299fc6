"""What programs call, a file for each specification."""
