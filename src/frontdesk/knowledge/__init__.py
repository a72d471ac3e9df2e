"""What tenants know: entries, their versions, and the search that tells how sure an answer is."""
