"""What transfer learning buys on a small image dataset: the functions behind the workflow."""
