"""The papers: letters, receipts and letters of enquiry as PDF and Word, their fonts, and photos of
paper receipts.
"""
