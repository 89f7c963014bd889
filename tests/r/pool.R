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
reml <- function(name, yi, vi) {
  fit <- rma(yi = yi, vi = vi, method = "REML", test = "adhoc", control = list(threshold = 1e-12))
  list(
    name = name, yi = yi, vi = vi, mean = c(fit$beta), se = fit$se, lower = fit$ci.lb,
    upper = fit$ci.ub, tau2 = fit$tau2
  )
}

# Paule and Mandel's variance with each study left out in turn.
without <- function(name, yi, vi) {
  fit <- rma(yi = yi, vi = vi, method = "PM", test = "adhoc", control = list(tol = 1e-12))
  left <- leave1out(fit)
  list(
    name = name, yi = yi, vi = vi, mean = left$estimate, lower = left$ci.lb, upper = left$ci.ub,
    tau2 = left$tau2
  )
}

# Proportions: random intercepts of a binomial model, by maximum likelihood (lme4), tested by t.
# 25 points of quadrature are lme4's most; metafor's own 7 are kept to show how far they are off.
glmm <- function(name, xi, ni) {
  fit <- suppressWarnings(rma.glmm(measure = "PLO", xi = xi, ni = ni, test = "t", nAGQ = 25))
  few <- suppressWarnings(rma.glmm(measure = "PLO", xi = xi, ni = ni, test = "t"))
  list(
    name = name, xi = xi, ni = ni, mean = c(fit$beta), se = fit$se, lower = fit$ci.lb,
    upper = fit$ci.ub, tau2 = fit$tau2, i2 = fit$I2 / 100, mean_7 = c(few$beta), se_7 = few$se,
    tau2_7 = few$tau2
  )
}

shares <- escalc(measure = "PLO", xi = c(15, 30, 9, 60), ni = c(24, 66, 31, 93))
results <- list(
  one("BCG vaccine, log risk ratios", c(bcg$yi), c(bcg$vi)),
  one("four studies apart", c(-2.0, -0.5, -1.1, 0.2), c(0.05, 0.08, 0.02, 0.1)),
  one("three that agree", c(0.10, 0.12, 0.09), c(0.04, 0.09, 0.06)),
  one("two studies", c(-0.2, 0.9), c(0.05, 0.11)),
  one("four shares, logit", c(shares$yi), c(shares$vi))
)
effects <- list(
  list("BCG vaccine, log risk ratios", c(bcg$yi), c(bcg$vi)),
  list("four studies apart", c(-2.0, -0.5, -1.1, 0.2), c(0.05, 0.08, 0.02, 0.1)),
  list("three that agree", c(0.10, 0.12, 0.09), c(0.04, 0.09, 0.06)),
  list("two studies", c(-0.2, 0.9), c(0.05, 0.11))
)
of_each <- function(f, cases) lapply(cases, function(case) do.call(f, case))
proportions <- list(
  list("four shares", c(15, 30, 9, 60), c(24, 66, 31, 93)),
  list("five shares apart", c(2, 30, 9, 88, 14), c(24, 66, 31, 93, 80)),
  list("with none and all", c(0, 12, 5, 20), c(15, 30, 22, 20)),
  list("that agree", c(10, 20, 31), c(20, 40, 60)),
  list("two shares", c(52, 9), c(93, 24)),
  list("two shares apart", c(70, 5), c(93, 24))
)
cat(toJSON(list(
  versions = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))),
  results = results, reml = of_each(reml, effects), leave1out = of_each(without, effects[1:3]),
  glmm = of_each(glmm, proportions)
), digits = I(15), auto_unbox = TRUE, pretty = TRUE))
