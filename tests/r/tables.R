# Standardised differences for tests/survival/test_balance.py.
#   Rscript tests/r/tables.R tests/r/tables.json
# The distance of multinomial shares is written out as Yang & Dalton (SAS Global Forum 2012, paper
# 335) define it, with a generalised inverse, so that no package but MASS is needed.
suppressMessages({library(MASS); library(jsonlite)})
RNGversion("4.2.0")

of_shares <- function(counts) {
  p <- sweep(counts, 2, colSums(counts), "/")[-1, , drop = FALSE]
  covariance <- function(q) diag(q, length(q)) - outer(q, q)
  s <- (covariance(p[, 1]) + covariance(p[, 2])) / 2
  d <- p[, 1] - p[, 2]
  sqrt(c(t(d) %*% ginv(s, tol = 1e-12) %*% d))
}
of_numbers <- function(x, y) abs(mean(x) - mean(y)) / sqrt((var(x) + var(y)) / 2)

tables <- list(
  two = matrix(c(20, 30, 40, 10), 2), equal = matrix(c(10, 20, 5, 10), 2),
  three = matrix(c(10, 20, 30, 25, 20, 15), 3), one_sided = matrix(c(10, 0, 5, 8, 7, 0), 3),
  five = matrix(c(4, 9, 1, 30, 12, 7, 3, 2, 25, 20), 5)
)
drawn <- lapply(1:4, function(seed) {
  set.seed(seed)
  list(x = round(rnorm(12 + seed, 60, 12), 1), y = round(rnorm(25, 57, 9), 1))
})

cat(toJSON(list(
  versions = list(R = as.character(getRversion()), MASS = as.character(packageVersion("MASS"))),
  shares = lapply(tables, function(counts) list(counts = counts, difference = of_shares(counts))),
  numbers = lapply(drawn, function(d) list(x = d$x, y = d$y, difference = of_numbers(d$x, d$y)))
), digits = I(15), auto_unbox = TRUE, pretty = TRUE, na = "null"),
file = commandArgs(trailingOnly = TRUE)[1])
