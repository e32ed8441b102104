"""What some studies can say beside their question: data size, whether the best value moves, fit."""
