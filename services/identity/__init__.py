"""Row -> person: reads names, numbers and days as offices write them, and says which member a row
means, with its reasons. A library: it knows no database (README.md).
"""
