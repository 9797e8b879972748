"""The customers' money: what was paid, what it paid for, what is left, what went back (3.7, 3.9; 19-22, 26).

Everything that moves money locks the customer's row first, then invoices by their id: two of these never wait for
each other, and a sum that was read under the lock stays true until the commit.
"""
