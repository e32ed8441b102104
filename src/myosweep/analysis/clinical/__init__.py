"""What a study's values mean for the clinic: infarct size, mass, contours, segments.

measure     the table: one row per run and patient, from masks and images
stacks      what is known of each patient's slices
insertions  of the right ventricle, from a user's table
agreement   bias, limits, concordance and verdicts per value
extras      what is told beside verdicts
findings    everything that is concluded from the table
words       sentences; cautions: what limits them
run         from a study's folder to the table
table       the table as CSV
"""
