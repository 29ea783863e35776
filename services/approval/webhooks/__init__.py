"""Changes of cases, told to other systems as they happen: subscriptions, their queue, and what sends it."""
