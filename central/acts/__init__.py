"""What people at the centre do: reviews, cases, publications, holds; each is an entry before it is shown."""
