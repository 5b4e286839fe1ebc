-- Holds a tenant until this transaction ends, so that what is counted of it afterwards stays so for whoever asks the
-- same; new keys do not wait for it. Cost: one row lock.
SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE
