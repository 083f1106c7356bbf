-- Numbers that stand for names in DNS queries, such as 1 for zone z1 in "q-a1s0": rendered
-- templates carry them, so a name keeps its number.
CREATE TABLE dns_numbers (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (kind, name),
  UNIQUE (kind, number)
);
