-- The days of caps and the months of bills are reckoned in an account's zone: no program changes it
-- after the account was made.
REVOKE UPDATE (time_zone) ON accounts FROM farebox_service;
