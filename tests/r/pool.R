# Random-effects meta-analyses for tests/synthesis/test_synthesis.py.
# Rscript tests/r/pool.R > tests/r/pool.json
# R 4.2.2, metafor 3.8.1

suppressMessages(library(metafor))
suppressMessages(library(jsonlite))

one <- function(name, yi, vi) {
  # "adhoc" is Knapp and Hartung's interval that is never narrower than the classical one.
  fit <- rma(yi = yi, vi = vi, method = "PM", test = "adhoc", control = list(tol = 1e-12))
  plain <- rma(yi = yi, vi = vi, method = "PM", test = "knha", control = list(tol = 1e-12))
  k <- length(yi)
  ahead <- if (k > 2) qt(0.975, k - 2) * sqrt(fit$tau2 + fit$se^2) else NA
  # metafor's own prediction interval uses t(k - 1); kept to hold the square root to it.
  own <- predict(fit)
  list(
    name = name, yi = yi, vi = vi, mean = c(fit$beta), se = fit$se, lower = fit$ci.lb,
    upper = fit$ci.ub, tau2 = fit$tau2, i2 = max(0, (fit$QE - (k - 1)) / fit$QE),
    unmodified_se = plain$se,
    prediction_lower = c(fit$beta) - ahead, prediction_upper = c(fit$beta) + ahead,
    prediction_lower_k1 = own$pi.lb, prediction_upper_k1 = own$pi.ub
  )
}

bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
shares <- escalc(measure = "PLO", xi = c(15, 30, 9, 60), ni = c(24, 66, 31, 93))
results <- list(
  one("BCG vaccine, log risk ratios", c(bcg$yi), c(bcg$vi)),
  one("four studies apart", c(-2.0, -0.5, -1.1, 0.2), c(0.05, 0.08, 0.02, 0.1)),
  one("three that agree", c(0.10, 0.12, 0.09), c(0.04, 0.09, 0.06)),
  one("two studies", c(-0.2, 0.9), c(0.05, 0.11)),
  one("four shares, logit", c(shares$yi), c(shares$vi))
)
cat(toJSON(list(
  versions = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))),
  results = results
), digits = I(15), auto_unbox = TRUE, pretty = TRUE))
