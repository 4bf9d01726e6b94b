"""What is promised of pixelwise, tried; `support` is what tests share."""
