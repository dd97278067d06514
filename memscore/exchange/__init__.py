"""Files from and for elsewhere: evidence files, and the layout Feldman and Zhang published."""
