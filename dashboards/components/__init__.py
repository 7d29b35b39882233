"""Parts that several pages draw: badges, cards, filters, empty states."""
