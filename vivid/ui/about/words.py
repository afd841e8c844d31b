"""Words of the About tab: key -> (English, Chinese)."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "tab_about": ("About", "关于"),
    "about_runs": ("What runs here", "当前运行的内容"),
    "about_model": ("Model", "模型"),
    "about_device": ("Computes on", "计算设备"),
    "about_size": ("Size of its videos", "视频尺寸"),
    "about_size_portrait": ("as the portrait", "与肖像相同"),
    "about_speech": ("Speech encoder", "语音编码器"),
    "about_domain": ("Made for", "适用对象"),
    "about_domain_rendered": ("rendered characters", "渲染角色"),
    "about_domain_any": ("photographs and characters", "照片与角色"),
    "about_trained": ("Trained parts", "已训练部分"),
    "about_all_trained": ("all of them", "全部"),
    "about_untrained": ("Not trained, without effect", "未训练、不起作用"),
    "about_limits": ("Limits", "限制"),
    "about_limits_text": (
        "uploads {mb} MB, portraits {mp} megapixels, speech {speech} s, gesture videos {motion} s, "
        "{waiting} videos waiting",
        "上传 {mb} MB，肖像 {mp} 百万像素，语音 {speech} 秒，手势视频 {motion} 秒，排队 {waiting} 个",
    ),
    "about_method": ("How it works", "工作原理"),
    "about_method_text": (
        "The gestures are first fitted to the person in the portrait (pose calibration). A diffusion model then "
        "draws the frames: one stream of the voice moves the lips, a slower one the head, and a codebook of hands "
        "keeps fingers in shape.",
        "首先将手势匹配到肖像中的人物（姿态校准）。随后扩散模型逐帧绘制：一路语音驱动嘴唇，另一路较慢的驱动头部，手部码本保持手指形状。",
    ),
    "about_method_layered": (
        "The gestures are first fitted to the person in the portrait (pose calibration). The portrait is then taken "
        "apart, and its own pixels are moved: one stream of the voice moves the lips, a slower one the head. Only "
        "what the picture does not show is drawn anew, such as arms below the sleeve and the mouth's inside.",
        "首先将手势匹配到肖像中的人物（姿态校准）。随后将肖像分解并移动其自身的像素：一路语音驱动嘴唇，另一路较慢的驱动头部。"
        "只有图片中没有的部分才重新绘制，例如袖口以下的手臂和口腔内部。",
    ),
    "about_uploads": ("What becomes of your uploads", "您上传的内容如何处理"),
    "about_uploads_text": (
        "Pictures, voices and videos are used for your video only. They lie in a folder of your own under names that "
        "cannot be guessed, are deleted after {hours} hours, and are never used for training. A comparison, and a "
        "video whose link you have copied, can be seen by whoever has the link. The list of your last videos is kept "
        "in your browser; it holds names, not pictures.",
        "图片、语音和视频仅用于制作您的视频，存放在您专属的文件夹中，"
        "文件名无法被猜到，{hours} 小时后删除，绝不用于训练。持有链接的人可查看相应的比较，以及您已复制链接的视频。"
        "最近视频的列表保存在您的浏览器中，只含名称，不含图像。",
    ),
    "about_annotations": (
        "Decisions made in the Inspect tab are data: they are kept until the person who runs this server deletes them.",
        "在“检查”页做出的标注属于数据：会一直保留，直到服务器管理者删除。",
    ),
    "about_fair": ("Fair use", "合理使用"),
    "about_fair_text": (
        "Use only faces and voices of people who agreed. Videos carry a visible AI-generated mark and, in the file, "
        "a note with model, seed and settings.",
        "请仅使用已获同意的面孔和声音。视频带有可见的“AI 生成”标记，文件中还记录模型、种子和设置。",
    ),
    "about_fair_no_mark": (
        "Use only faces and voices of people who agreed. Videos carry, in the file, a note that they are AI-generated, "
        "with model, seed and settings.",
        "请仅使用已获同意的面孔和声音。视频文件中记录其由 AI 生成，并附模型、种子和设置。",
    ),
    "about_links": ("Read on", "延伸阅读"),
    "about_paper": ("The paper", "论文"),
    "about_licence": ("Licence: Apache-2.0", "许可证：Apache-2.0"),
    "about_weights": ("Public weights of the full model", "完整模型的公开权重"),
    "about_source": ("Source", "源代码"),
    "about_card": ("The model's card", "模型说明"),
    "about_contact": ("Contact", "联系方式"),
    "about_cite": ("How to cite", "如何引用"),
    "about_api": ("For programs", "面向程序"),
    "about_api_text": (
        "Three endpoints are open to programs: /check_portrait, /calibrate_pose and /animate. “Use via API” at the "
        "bottom of the page shows how to call them.",
        "向程序开放三个接口：/check_portrait、/calibrate_pose 和 /animate。页面底部的“通过 API 使用”给出调用方式。",
    ),
}

SENTENCES: dict[str, str] = {}
