-- The nightly batch that a county would otherwise write: the window and match questions of the rulebook over flat
-- tables of the same events and registers, from the beginning each night, for late papers change old answers.
-- Limits are the defaults of the rulebook; each statement begins with the rules whose question it asks.

-- A075, A076: parts of one work or purchase, each below a limit, that reach it within 90 days
INSERT INTO found
SELECT 'split', one.case_id, string_agg(other.case_no, ' ')
FROM cases one
JOIN cases other ON other.village = one.village AND other.matter = one.matter AND other.stem = one.stem
    AND other.opened_at BETWEEN one.opened_at AND one.opened_at + interval '90 days'
CROSS JOIN LATERAL (VALUES (5000000), (20000000), (100000000)) AS limits (fen)
WHERE one.matter IN ('EN', 'PR') AND one.stem <> '' AND one.amount_fen < limits.fen AND other.amount_fen < limits.fen
    AND one.amount_fen > 0 AND other.amount_fen >= limits.fen / 5
GROUP BY one.case_id, limits.fen HAVING count(*) > 1 AND sum(other.amount_fen) >= limits.fen;

-- A081: one invoice in two cases
INSERT INTO found
SELECT 'duplicate claim', min(case_id), invoice_no
FROM payments WHERE invoice_no <> '' GROUP BY invoice_no HAVING count(DISTINCT case_id) > 1;

-- A090, A091: a company of an official's own wins where he oversees
INSERT INTO found
SELECT 'official-owned', c.case_id, s.person_key
FROM cases c
JOIN holders h ON h.company_id = c.supplier_id
JOIN staff s ON s.person_key = h.person_key AND starts_with(c.village, s.prefix)
WHERE c.opened_at::date >= s.valid_from AND (s.valid_to IS NULL OR c.opened_at::date < s.valid_to);

-- A092: a company of an official's kin, up to two steps
INSERT INTO found
WITH ties AS (
    SELECT person_key AS one, relative_key AS other FROM kinship
    UNION SELECT relative_key, person_key FROM kinship
), kin AS (
    SELECT one, other FROM ties
    UNION SELECT a.one, b.other FROM ties a JOIN ties b ON b.one = a.other WHERE a.one <> b.other
)
SELECT 'kin', c.case_id, s.person_key
FROM cases c
JOIN holders h ON h.company_id = c.supplier_id
JOIN kin k ON k.one = h.person_key
JOIN staff s ON s.person_key = k.other AND starts_with(c.village, s.prefix)
WHERE c.opened_at::date >= s.valid_from AND (s.valid_to IS NULL OR c.opened_at::date < s.valid_to);

-- A094: barred, by the company or by who runs it
INSERT INTO found
SELECT 'barred', c.case_id, b.subject_id
FROM cases c
LEFT JOIN companies f ON f.id = c.supplier_id
JOIN blacklist b ON b.subject_id IN (c.supplier_id, f.legal_person_key)
WHERE c.supplier_id <> '' AND c.opened_at::date >= b.valid_from
    AND (b.valid_to IS NULL OR c.opened_at::date < b.valid_to);

-- A097, A098: paid to the dead
INSERT INTO found
SELECT 'deceased', r.case_id, r.person_key
FROM recipients r JOIN deaths d ON d.person_key = r.person_key WHERE r.at::date > d.died_on;

-- A101: the same relief twice
INSERT INTO found
SELECT 'double benefit', max(case_id), person_key
FROM recipients WHERE relief_kind <> '' GROUP BY person_key, relief_kind HAVING count(DISTINCT case_id) > 1;

-- A108, A109, A110: bidders of one case that share a telephone, a machine, a line or an account
INSERT INTO found
SELECT 'shared trace', case_id, trace
FROM bids CROSS JOIN LATERAL (VALUES (phone), (ip), (device), (bond_account)) AS traces (trace)
WHERE trace IS NOT NULL GROUP BY case_id, trace HAVING count(DISTINCT company_id) > 1;

-- A111: bidders of one case with a person in common
INSERT INTO found
SELECT 'shared control', b.case_id, h.person_key
FROM bids b JOIN holders h ON h.company_id = b.company_id
GROUP BY b.case_id, h.person_key HAVING count(DISTINCT b.company_id) > 1;

-- A113: two companies that bid together again and again, and share the awards
INSERT INTO found
SELECT 'ring', max(one.case_id), one.company_id || '+' || other.company_id
FROM bids one JOIN bids other ON other.case_id = one.case_id AND other.company_id > one.company_id
GROUP BY one.company_id, other.company_id
HAVING count(DISTINCT one.case_id) >= 5
    AND count(*) FILTER (WHERE one.won OR other.won) >= 0.8 * count(DISTINCT one.case_id);

-- A118, A119: offers that lie too close
INSERT INTO found
SELECT 'price spread', case_id, ''
FROM bids WHERE valid GROUP BY case_id
HAVING count(*) >= 3 AND stddev_samp(price_fen) < 0.02 * avg(price_fen);
