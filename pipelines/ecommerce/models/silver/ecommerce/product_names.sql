/* model
description: Misspelt names of products, and what is meant. Reviewed by hand
keys: [written]
*/
SELECT written, meant
FROM (VALUES
  ('WHITE HANGING HART T-LIGHT HOLDER', 'WHITE HANGING HEART T-LIGHT HOLDER')
) names(written, meant)
