# What a paper may leave open: handling of ties in Cox's model, medians where the curve is 1/2 over a
# stretch, which test a p-value comes from:
#   Rscript tests/r/conventions.R tests/r/conventions.json
# What no package gives is written out by its definition.
suppressMessages({library(survival); library(jsonlite)})
RNGversion("4.2.0")
out <- commandArgs(trailingOnly = TRUE)[1]

drawn <- lapply(1:5, function(seed) {
  set.seed(60 + seed)
  n <- c(12, 24, 40, 60, 142)[seed]
  time <- rexp(n, 1 / 20); censored <- runif(n, 5, 60)
  event <- as.numeric(time <= censored); time <- ceiling(pmin(time, censored) / 3)
  data.frame(time, event, group = sample(1:3, n, TRUE), x = rep(0:1, length.out = n), z = round(rnorm(n), 2))
})
model <- function(data, ties) {
  fit <- coxph(Surv(time, event) ~ x + z, data, ties = ties, eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
  list(beta = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), log_likelihood = fit$loglik,
       lr_p = unname(summary(fit)$logtest["pvalue"]))
}
binomial <- function(data) {  # the variance of tied deaths without (n - d) / (n - 1)
  times <- sort(unique(data$time[data$event == 1]))
  groups <- sort(unique(data$group)); k <- length(groups)
  o <- numeric(k); v <- matrix(0, k, k)
  for (t in times) {
    n <- sapply(groups, function(g) sum(data$time >= t & data$group == g))
    d <- sapply(groups, function(g) sum(data$time == t & data$event == 1 & data$group == g))
    N <- sum(n); D <- sum(d)
    o <- o + d - n * D / N
    v <- v + D * (diag(n / N, k) - outer(n, n) / N^2)
  }
  drop(o[-k] %*% solve(v[-k, -k], o[-k]))
}
levels_p <- function(data) {
  fit <- suppressWarnings(coxph(Surv(time, event) ~ factor(group), data))
  unname(summary(fit)$logtest["pvalue"])
}
of_data <- function(data) {
  rho <- survdiff(Surv(time, event) ~ group, data, rho = 1)
  list(data = data, efron = model(data, "efron"), breslow = model(data, "breslow"), exact = model(data, "exact"),
       rho_1 = rho$chisq, binomial = binomial(data), levels_p = levels_p(data))
}
halves <- list(list(time = 1:24, event = rep(1, 24)), list(time = 1:8, event = rep(1:0, each = 4)),
               list(time = c(1, 2, 3, 4), event = c(1, 1, 0, 1)), list(time = c(1, 2, 3), event = c(1, 1, 1)))
of_half <- function(h) {
  fit <- survfit(Surv(time, event) ~ 1, h); near <- sqrt(.Machine$double.eps)
  list(time = h$time, event = h$event, middle = unname(quantile(fit, 0.5)$quantile),
       first = fit$time[fit$surv <= 0.5 + near][1], below = fit$time[fit$surv < 0.5 - near][1])
}
samples <- list(list(x = c(1.1, 3.2, 4.7, 5.9, 9.3, 12.4), y = c(0.4, 2.5, 2.9, 4.1, 5.2)),
                list(x = c(1, 3, 3, 4, 7, 8, 8, 9), y = c(0, 1, 2, 3, 3, 5, 8)))
of_samples <- function(s) list(x = s$x, y = s$y, p = wilcox.test(s$x, s$y, exact = FALSE, correct = FALSE)$p.value)
tables <- list(matrix(c(12, 3, 5, 9), 2), matrix(c(0, 6, 7, 4), 2), matrix(c(40, 31, 18, 24), 2),
               matrix(c(3, 5, 2, 4, 1, 8), 3))
of_table <- function(m) list(table = m, yates_p = suppressWarnings(chisq.test(m))$p.value)

result <- list(versions = list(R = R.version.string,
                               survival = as.character(packageVersion("survival"))),
               ties = lapply(drawn, of_data), halves = lapply(halves, of_half),
               samples = lapply(samples, of_samples), tables = lapply(tables, of_table))
write_json(result, out, digits = I(15), na = "null", auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
