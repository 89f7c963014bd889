# What R computes for the sarcoma patients of TCGA, by the file that config/studies/tcga_sarc.yaml
# reads (docs/tutorial.md says where it comes from); run as
#   Rscript tests/r/tcga.R data/sarc_tcga_pan_can_atlas_2018_clinical_data.tsv tests/r/tcga.json
# The output holds results of groups, keyed by estimand, and no patient.
suppressMessages({library(survival); library(jsonlite)})
arguments <- commandArgs(trailingOnly = TRUE)
raw <- read.delim(arguments[1], check.names = FALSE, na.strings = c("", "NA"), quote = "")

names_of <- c(LMS = "leiomyosarcoma", DDLS = "dedifferentiated liposarcoma",
              MFH = "undifferentiated pleomorphic sarcoma", MFS = "myxofibrosarcoma",
              SYNS = "others", MPNST = "others")
site <- raw[["International Classification of Diseases for Oncology, Third Edition ICD-O-3 Site Code"]]
patients <- data.frame(
  primary_site = factor(ifelse(site == "C48.0", "retroperitoneum", "elsewhere"),
                        c("retroperitoneum", "elsewhere")),
  histology = factor(names_of[raw[["Oncotree Code"]]], unique(names_of)),
  radiation = factor(tolower(raw[["Radiation Therapy"]]), c("no", "yes")),
  age = pmin(raw[["Diagnosis Age"]], 90),
  sex = factor(tolower(raw[["Sex"]]), c("male", "female")),
  os_time = raw[["Overall Survival (Months)"]],
  os_event = as.numeric(raw[["Overall Survival Status"]] == "1:DECEASED"),
  dss_time = raw[["Months of disease-specific survival"]],
  dss_event = as.numeric(raw[["Disease-specific Survival status"]] == "1:DEAD WITH TUMOR"),
  pfs_time = raw[["Progress Free Survival (Months)"]],
  pfs_event = as.numeric(raw[["Progression Free Status"]] == "1:PROGRESSION")
)
patients <- patients[raw[["Oncotree Code"]] != "DES", ]
patients$age_group <- factor(ifelse(patients$age < 56, "<56", ">=56"), c("<56", ">=56"))

rows <- list()
add <- function(estimand, value, lower = NA, upper = NA, p = NA, n = NA, events = NA) {
  rows[[length(rows) + 1]] <<- data.frame(estimand, value, lower, upper, p, n, events)
}
hazard <- function(fit, which, estimand) {
  s <- summary(fit)
  add(estimand, s$conf.int[which, 1], s$conf.int[which, 3], s$conf.int[which, 4],
      s$coefficients[which, 5], fit$n, fit$nevent)
}

add("n", nrow(patients))
factors <- c("primary_site", "histology", "radiation", "age_group", "sex")
model <- c("primary_site", "histology", "radiation", "age")
for (endpoint in c("os", "dss", "pfs")) {
  patients$time <- patients[[paste0(endpoint, "_time")]]
  patients$event <- patients[[paste0(endpoint, "_event")]]
  known <- patients[!is.na(patients$time) & !is.na(patients$event), ]
  curve <- function(data, where, at) {
    fit <- survfit(Surv(time, event) ~ 1, data, conf.type = "log-log")
    m <- quantile(fit, 0.5)
    add(paste0(endpoint, ".median", where), unname(m$quantile), unname(m$lower), unname(m$upper),
        NA, nrow(data), sum(data$event))
    for (t in at) {
      s <- summary(fit, times = t)
      add(sprintf("%s.survival(%d months)%s", endpoint, t, where), s$surv, s$lower, s$upper, NA,
          nrow(data), sum(data$event))
    }
  }
  curve(known, "", c(12, 36, 60))
  reverse <- quantile(survfit(Surv(time, 1 - event) ~ 1, known, conf.type = "log-log"), 0.5)
  add(paste0(endpoint, ".reverse_followup_median"), unname(reverse$quantile), unname(reverse$lower),
      unname(reverse$upper), NA, nrow(known), sum(known$event))
  for (by in factors) {
    data <- known[!is.na(known[[by]]), ]
    levels_of <- levels(data[[by]])
    for (level in levels_of)
      curve(data[data[[by]] == level, ], sprintf("{%s=%s}", by, level), c(36, 60))
    test <- survdiff(as.formula(paste("Surv(time, event) ~", by)), data)
    p <- pchisq(test$chisq, length(levels_of) - 1, lower.tail = FALSE)
    add(sprintf("%s.logrank_p by %s", endpoint, by), p, NA, NA, p, nrow(data), sum(data$event))
    for (level in levels_of[-1]) {
      two <- data[data[[by]] %in% c(levels_of[1], level), ]
      hazard(coxph(Surv(time, event) ~ (two[[by]] == level), two), 1,
             sprintf("%s.hazard_ratio by %s(%s / %s)", endpoint, by, level, levels_of[1]))
    }
  }
  hazard(coxph(Surv(time, event) ~ age, known), 1, paste0(endpoint, ".hazard_ratio by age"))
  fit <- coxph(Surv(time, event) ~ primary_site + histology + radiation + age, known)
  for (by in model) {
    others <- paste(sort(setdiff(model, by)), collapse = ", ")
    levels_of <- levels(patients[[by]])
    for (level in if (is.null(levels_of)) "" else levels_of[-1]) {
      contrast <- if (level == "") by else sprintf("%s(%s / %s)", by, level, levels_of[1])
      hazard(fit, paste0(by, level),
             sprintf("%s.hazard_ratio by %s adjusted for %s", endpoint, contrast, others))
    }
  }
}
versions <- list(R = as.character(getRversion()), survival = as.character(packageVersion("survival")))
write(toJSON(list(versions = versions, results = do.call(rbind, rows)), digits = I(12),
             auto_unbox = TRUE, na = "null", pretty = TRUE), arguments[2])
