"""Appeals of residents (群众诉求): filed from a village's code, followed by a number, told on events."""
