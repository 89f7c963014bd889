# What R computes for tests/survival/test_two_groups.py, test_splines.py and test_multiplicity.py:
#   Rscript tests/r/reanalysis.R tests/r/reanalysis.json
suppressMessages({library(survival); library(splines); library(jsonlite)})
RNGversion("4.2.0")
out <- commandArgs(trailingOnly = TRUE)[1]
control <- coxph.control(eps = 1e-12, iter.max = 80)

drawn <- lapply(1:4, function(seed) {
  set.seed(seed)
  n <- c(24, 40, 60, 142)[seed]
  time <- rexp(n, 1 / 30); censored <- runif(n, 5, 80)
  event <- as.numeric(time <= censored); time <- pmin(time, censored)
  time <- if (seed %% 2) ceiling(time) else round(time, 3)
  data.frame(time, event, x = rbinom(n, 1, 0.5), marker = round(rgamma(n, 3, 0.1), 1))
})

# The patients of group x join it at `delay`; whose follow-up ends by then, just before its end.
changing <- function(data, delay) {
  join <- ifelse(data$x == 1, ifelse(data$time > delay, delay, data$time - 1e-6), Inf)
  before <- data.frame(start = 0, stop = pmin(join, data$time), event = ifelse(join < data$time, 0, data$event), x = 0)
  after <- data.frame(start = join, stop = data$time, event = data$event, x = 1)[join < data$time, ]
  list(before = before[before$stop > 0, ], after = after)
}
delayed <- function(data, delay) {
  parts <- changing(data, delay)
  both <- rbind(parts$before, parts$after)
  second <- coxph(Surv(start, stop, event) ~ x, both, control = control)
  others <- parts$before[data$x[data$time > 0] == 0, ]
  absent <- coxph(Surv(start, stop, event) ~ x, rbind(others, parts$after), control = control)
  one <- function(fit) list(beta = unname(coef(fit)), se = sqrt(vcov(fit)[1]), loglik = fit$loglik)
  list(delay = delay, second = one(second), absent = one(absent))
}
spline <- function(data, probabilities) {
  # Quantiles of type 7; `ns` spans the same functions as Harrell's basis with these knots.
  k <- quantile(data$marker, probabilities)
  inner <- k[2:(length(k) - 1)]; ends <- k[c(1, length(k))]
  fit <- coxph(Surv(time, event) ~ ns(marker, knots = inner, Boundary.knots = ends), data, control = control)
  line <- coxph(Surv(time, event) ~ marker, data, control = control)
  at <- unname(quantile(data$marker, c(0.2, 0.8)))
  b <- ns(at, knots = inner, Boundary.knots = ends)
  d <- matrix(b[2, ] - b[1, ], nrow = 1)
  list(knots = unname(k), loglik = fit$loglik, linear = line$loglik[2], at = at,
       difference = drop(d %*% coef(fit)), se = drop(sqrt(d %*% vcov(fit) %*% t(d))))
}
p <- list(c(0.01, 0.04, 0.03, 0.005), c(0.2, NA, 0.01, 0.01, 0.8), c(0.9), c(0.001, 0.001, 0.04))
result <- list(
  data = drawn,
  delayed = lapply(drawn, function(d) lapply(c(0.5, 6, 20), function(w) delayed(d, w))),
  zph = lapply(drawn, function(d) unname(cox.zph(coxph(Surv(time, event) ~ x, d, control = control), terms = FALSE)$table[1, "p"])),
  spline3 = lapply(drawn, spline, c(0.1, 0.5, 0.9)),
  spline4 = lapply(drawn, spline, c(0.05, 0.35, 0.65, 0.95)),
  p = p,
  holm = lapply(p, p.adjust, "holm"),
  bh = lapply(p, p.adjust, "BH"),
  versions = list(R = paste(R.version$major, R.version$minor, sep = "."), survival = as.character(packageVersion("survival")))
)
writeLines(toJSON(result, digits = 15, auto_unbox = TRUE, na = "null"), out)
