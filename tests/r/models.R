# Cox with start and stop, Firth's Cox, profile limits, interaction, competing risks:
#   Rscript tests/r/models.R tests/r/models.json
# Firth's likelihood is written out on coxph's own likelihood and information, and maximised by Newton's
# method with numerical derivatives (numDeriv), so that no package for it is needed.
suppressMessages({library(survival); library(cmprsk); library(numDeriv); library(jsonlite)})
RNGversion("4.2.0")
out <- commandArgs(trailingOnly = TRUE)[1]
control <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 100)
quiet <- function(x) suppressWarnings(x)

# -- start and stop ------------------------------------------------------------------------------------
transplants <- survival::heart
transplants$transplant <- as.numeric(as.character(transplants$transplant))
heart <- transplants[, c("start", "stop", "event", "age", "surgery", "transplant", "id")]
intervals <- function(formula, cluster = FALSE) {
  fit <- if (cluster) coxph(formula, heart, control = control, cluster = id) else coxph(formula, heart, control = control)
  list(log_hr = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), loglik = fit$loglik, score = fit$score)
}
start_stop <- list(
  plain = intervals(Surv(start, stop, event) ~ age + surgery + transplant),
  stratified = intervals(Surv(start, stop, event) ~ age + transplant + strata(surgery)),
  robust = intervals(Surv(start, stop, event) ~ age + surgery + transplant, cluster = TRUE))

# -- Firth and profiles ----------------------------------------------------------------------------------
small <- lapply(1:5, function(seed) {
  set.seed(seed)
  n <- c(16, 20, 24, 40, 24)[seed]
  time <- rexp(n, 1 / 30); censored <- runif(n, 5, 80)
  event <- as.numeric(time <= censored); time <- pmin(time, censored)
  time <- if (seed %% 2) ceiling(time) else round(time, 3)
  x <- rbinom(n, 1, 0.4); z <- round(rnorm(n), 2)
  if (seed == 5) event[x == 1] <- 0  # separated: nobody of x dies
  data.frame(time, event, x, z)
})
at <- function(formula, data, beta) quiet(coxph(formula, data, init = beta, control = coxph.control(iter.max = 0)))
penalised <- function(formula, data, beta) {
  fit <- at(formula, data, beta)
  fit$loglik[length(fit$loglik)] - log(det(as.matrix(fit$var))) / 2
}
maximise <- function(f, beta) {
  beta <- optim(beta, function(b) -f(b), method = "BFGS", control = list(reltol = 1e-14, maxit = 500))$par
  for (i in 1:4) beta <- beta - drop(solve(hessian(f, beta), grad(f, beta)))
  beta
}
crossing <- function(f, from, side) {
  step <- 1
  while (f(from + side * step) > 0) step <- step * 1.5
  uniroot(f, sort(c(from, from + side * step)), tol = 1e-11)$root
}
firth <- function(data, names) {
  formula <- reformulate(names, "Surv(time, event)")
  f <- function(b) penalised(formula, data, b)
  beta <- maximise(f, rep(0, length(names)))
  best <- f(beta)
  held <- function(j, value) {  # the highest value with one coefficient held
    if (length(beta) == 1) return(f(value))
    other <- function(b) { full <- beta; full[j] <- value; full[-j] <- b; f(full) }
    optimise(other, beta[-j] + c(-8, 8), maximum = TRUE, tol = 1e-9)$objective
  }
  limits <- lapply(seq_along(beta), function(j) {
    g <- function(b) held(j, b) - best + qchisq(0.95, 1) / 2
    c(crossing(g, beta[j], -1), crossing(g, beta[j], 1))
  })
  list(log_hr = beta, se = sqrt(diag(as.matrix(at(formula, data, beta)$var))), value = best,
       null = f(rep(0, length(beta))), chi2 = sapply(seq_along(beta), function(j) 2 * (best - held(j, 0))),
       lower = sapply(limits, `[`, 1), upper = sapply(limits, `[`, 2))
}
profile <- function(data) {
  formula <- Surv(time, event) ~ x
  best <- coxph(formula, data, control = control)
  g <- function(b) {
    fit <- at(formula, data, b)
    fit$loglik[length(fit$loglik)] - best$loglik[2] + qchisq(0.95, 1) / 2
  }
  c(crossing(g, coef(best)[["x"]], -1), crossing(g, coef(best)[["x"]], 1))
}
interaction <- function(data) {
  one <- coxph(Surv(time, event) ~ x + z, data, control = control)
  two <- coxph(Surv(time, event) ~ x * z, data, control = control)
  unname(2 * (two$loglik[2] - one$loglik[2]))
}

# -- competing risks -------------------------------------------------------------------------------------
drawn <- lapply(1:5, function(seed) {
  set.seed(100 + seed)
  n <- c(18, 30, 60, 120, 60)[seed]
  time <- rexp(n, 1 / 25); cause <- sample(c(0, 1, 2), n, TRUE, c(0.25, 0.45, 0.3))
  time <- if (seed %% 2) ceiling(time) else round(time, 3)
  if (seed == 5) cause[cause == 0] <- 2  # nobody censored
  data.frame(time, cause, group = sample(1:3, n, TRUE), x = rbinom(n, 1, 0.5), z = round(rnorm(n), 2),
             stratum = sample(1:2, n, TRUE))
})
hand <- list(
  ties = data.frame(time = c(1, 1, 2, 2, 2, 3, 4, 4), cause = c(1, 2, 1, 0, 2, 1, 0, 1)),
  one_patient = data.frame(time = 5, cause = 1),
  zero_time = data.frame(time = c(0, 0, 1, 2, 3), cause = c(1, 2, 0, 1, 2)),
  all_die = data.frame(time = 1:6, cause = c(1, 2, 1, 2, 1, 2)))
incidence <- function(data) {
  one <- function(type) {
    fit <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, data, conf.type = type)
    column <- match("1", fit$states)
    list(time = fit$time, incidence = fit$pstate[, column], std_error = fit$std.err[, column],
         lower = fit$lower[, column], upper = fit$upper[, column])
  }
  c(list(plain = one("plain"), log = one("log"), `log-log` = one("log-log")), aalen = list(aalen(data)))
}
aalen <- function(data) {  # cmprsk's own variance; it needs an event of each kind to name its curves
  fit <- cuminc(data$time, data$cause)
  found <- timepoints(fit["1 1"], sort(unique(data$time)))
  list(time = sort(unique(data$time)), incidence = drop(found$est), variance = drop(found$var))
}
gray <- function(data, ...) {
  found <- cuminc(data$time, data$cause, data$group, ...)$Tests["1", ]
  list(chi2 = unname(found["stat"]), p = unname(found["pv"]), df = unname(found["df"]))
}
fine_gray <- function(data) {
  fit <- crr(data$time, data$cause, cbind(x = data$x, z = data$z), gtol = 1e-12)
  list(log_hr = unname(fit$coef), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik, null = fit$loglik.null)
}

packages <- c("survival", "cmprsk", "numDeriv", "jsonlite")
result <- list(
  versions = as.list(c(R = R.version.string, sapply(packages, function(p) as.character(packageVersion(p))))),
  heart = heart, start_stop = start_stop,
  small = lapply(seq_along(small), function(i) list(
    data = small[[i]], one = firth(small[[i]], "x"), two = firth(small[[i]], c("x", "z")),
    profile = if (i < 5) profile(small[[i]]) else NULL, interaction = if (i < 5) interaction(small[[i]]) else NULL)),
  hand = lapply(hand, function(d) list(data = d, incidence = incidence(d))),
  drawn = lapply(drawn, function(d) list(
    data = d, incidence = incidence(d), gray = gray(d), gray_rho = gray(d, rho = 1),
    gray_strata = gray(d, strata = d$stratum), fine_gray = fine_gray(d))))
write_json(result, out, digits = I(15), na = "null", auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
