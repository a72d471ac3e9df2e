"""What clients speak: each module reads one wire format's requests and writes its replies. Pure: no sockets."""
